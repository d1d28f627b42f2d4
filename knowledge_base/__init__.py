"""What do we know? The documents of the product: read, cut into passages, embedded, indexed and found again."""
