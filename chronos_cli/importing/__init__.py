"""What runs elsewhere as job files: crontabs, and command lines of a shell."""
