import importlib.util
import os.path

_service = None


def handle(data, context):
    global _service
    if data is None:
        return None
    return [len(data)]
