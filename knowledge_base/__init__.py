"""What do we know? The documents of the product: read, cut, embedded, indexed and found again."""

import sys

# OpenVINO tells Google Analytics that it was imported, from a process that it forks. Nobody who hosts Kotae
# asked for that, and a fork of a process with threads may never end. Without this package it is silent.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
