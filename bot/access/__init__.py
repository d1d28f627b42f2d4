"""Who may what, and who did what."""
