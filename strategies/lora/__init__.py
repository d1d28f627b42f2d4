"""The product model: LoRA on the desk's own question–answer pairs."""
