"""What is said in a turn, and what is kept of it, found again, and forgotten."""
