"""What any screen is made of: labels, gauges, icons and plots, without a session in them."""
