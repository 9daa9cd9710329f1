"""What to install: specs, locks, channels, releases."""
