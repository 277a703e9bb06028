"""What a cron expression and a time zone mean."""
