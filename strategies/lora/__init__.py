"""The product model: LoRA on the desk's own question–answer pairs.

    pairs ─▶ training ─▶ an adapter's folder ─▶ shelf ─▶ promoted ─▶ Lora speaks with it

A package for each question: `bases`, `pairs`, `training`, `shelf`, `engine`, `trust`. `docs/product-model.md`
tells the whole way.
"""

from strategies.lora.strategy import Lora, LoraOptions

__all__ = ["Lora", "LoraOptions"]
