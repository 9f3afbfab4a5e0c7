import os

import torch
from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def initialize(self, context):
        model_dir = context.system_properties.get("model_dir")
        self.weights = torch.load(os.path.join(model_dir, "weights.pt"), map_location="cpu")
        self.initialized = True
