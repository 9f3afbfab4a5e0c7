import json
from pathlib import Path

LABELS = "labels.json"


class Handler(object):
    def __init__(self):
        self.names = {}

    def initialize(self, context):
        folder = Path(context.system_properties["model_dir"])
        for name in (LABELS, f"{context.manifest['model']['modelName']}.json"):
            try:
                with open(folder / name) as fh:
                    self.names.update({str(k): v for k, v in json.load(fh).items() if v})
            except FileNotFoundError as error:
                print("%s: %r" % (name, error))
        self.limit = int(context.model_yaml_config.get("handler", {}).get("limit", 3)) or 1

    def handle(self, data, context):
        return [self.names.get(i) for i in range(self.limit)]
