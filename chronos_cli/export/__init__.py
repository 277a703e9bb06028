"""Jobs as other schedulers take them: crontab, systemd, Kubernetes. Texts only; nothing is read."""
