"""What do we know? The documents of the product: read, cut, embedded, indexed and found again."""
