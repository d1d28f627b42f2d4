"""What is told to others: webhooks and e-mail, signed, retried, and written down."""
