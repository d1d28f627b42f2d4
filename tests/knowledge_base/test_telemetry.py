"""Nothing that Kotae stands on tells anybody that it is used."""

import subprocess
import sys

CODE = """
import sys
import knowledge_base.minilm
assert "openvino" in sys.modules
import multiprocessing, threading
told = [name for name, module in sys.modules.items() if name.startswith("openvino_telemetry") and module]
print(told, multiprocessing.active_children(), threading.active_count())
"""


def test_the_embedder_is_loaded_without_telling_its_maker() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["[]", "[]", "1"]
