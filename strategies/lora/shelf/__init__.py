"""What is an adapter? A folder that never changes, on a shelf that says which of them speaks.

Shelf · Adapter     adapters on disk                                  adapters.py · pointer.py
Card                what one says about itself                        card.py
Refused             how one comes in and what is looked at            parcel.py · inspection.py
prove               that it speaks as its trainer heard it            canary.py
"""

from strategies.lora.shelf.adapters import (
    Adapter,
    InUse,
    NoWayBack,
    Proof,
    Prove,
    Shelf,
    ShelfError,
    UnknownAdapter,
)

__all__ = ["Adapter", "InUse", "NoWayBack", "Proof", "Prove", "Shelf", "ShelfError", "UnknownAdapter"]
