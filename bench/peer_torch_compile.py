"""PyTorch's networks of peer_torch.py through torch.compile."""
import torch
import torch.nn.functional as F

import peer_torch

NAME, VERSION = "torch.compile", torch.__version__


class Peer(peer_torch.Peer):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.compiled = torch.compile(self.net)

    def train_step(self):
        return self.trained(self.compiled)

    def infer_step(self):
        self.net.eval()
        with torch.inference_mode():
            return F.softmax(self.compiled(self.images, self.metadata), -1).numpy()
