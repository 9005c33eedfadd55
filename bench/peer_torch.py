"""The authors' networks in PyTorch, and their steps: eager mode, channels last, fused Adam.

MobileNetV2 is written out here, layer by layer as Keras has it; the other networks are those of torchvision and timm.
"""
import torch
import torch.nn.functional as F
from torch import nn

from common import ADAM, CLASSES, CLASS_WEIGHTS, DROPOUT, HEADS, METADATA, METADATA_UNITS
from torch_backbones import MobileNetV2, UpToCut

NAME, VERSION = "PyTorch", torch.__version__


class SoftAttention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.kernel_conv3d = nn.Parameter(torch.empty(channels, 3, 3, 1, HEADS))
        self.bias_conv3d = nn.Parameter(torch.zeros(HEADS))
        nn.init.uniform_(self.kernel_conv3d, -0.1, 0.1)

    def forward(self, x):
        rows, centre = x.shape[2], (x.shape[1] - 1) // 2
        kernel = self.kernel_conv3d[centre - rows + 1:centre + rows, :, :, 0].permute(3, 2, 0, 1)
        scores = F.relu(F.conv2d(x[:, :3], kernel, self.bias_conv3d, padding=(rows - 1, 1)))
        maps = F.softmax(scores.flatten(2), -1)
        return x * maps.sum(1).view(-1, 1, *x.shape[2:])


class Normalization(nn.Module):
    def __init__(self):
        super().__init__()
        for name, value in (("mean", 0.0), ("variance", 1.0), ("count", 0.0)):
            self.register_buffer(name, torch.tensor(value))

    def forward(self, x):
        return (x - self.mean) / self.variance.sqrt()


class Network(nn.Module):
    """A backbone with the authors' head, whose layers carry the names that Keras gives them."""

    def __init__(self, backbone, size):
        super().__init__()
        self.backbone = backbone
        with torch.inference_mode():
            channels, side = self.eval().backbone(torch.zeros(1, 3, size, size)).shape[1:3]
        pooled = -(-side // 2)
        self.soft_attention, self.normalization = SoftAttention(channels), Normalization()
        self.dense = nn.Linear(METADATA, METADATA_UNITS)
        self.dense_1 = nn.Linear(pooled * pooled * 2 * channels + METADATA_UNITS, CLASSES)

    def forward(self, x, metadata):
        x = self.backbone(x)
        x = torch.cat([F.max_pool2d(t, 2, ceil_mode=True) for t in (x, self.soft_attention(x))], 1)
        x = F.dropout(F.relu(x), DROPOUT, self.training)
        x = x.permute(0, 2, 3, 1).flatten(1)  # in memory already so
        metadata = torch.cat([self.normalization(metadata[:, :1]), metadata[:, 1:]], 1)
        return self.dense_1(torch.cat([x, F.relu(self.dense(metadata))], 1))


class Peer:
    """batch: images [B size size 3] in -1..1, metadata [B 21] with the age in years, labels [B].

    exact: MobileNetV2 as Keras has it in every rounding of sizes."""

    def __init__(self, name, size, batch, threads, exact=False):
        torch.set_num_threads(threads)
        backbone = MobileNetV2(exact) if name == "mobilenet_v2" else UpToCut(name, size)
        self.net = Network(backbone, size)
        for layer in self.net.modules():
            if isinstance(layer, nn.Conv2d):  # the module as a whole has a tensor of rank 5
                layer.to(memory_format=torch.channels_last)
        self.images = torch.from_numpy(batch.images).permute(0, 3, 1, 2)  # a view: channels last
        self.metadata, self.labels = torch.from_numpy(batch.metadata), torch.from_numpy(batch.labels)
        self.adam = torch.optim.Adam(self.net.parameters(), ADAM["learning_rate"], (ADAM["beta_1"], ADAM["beta_2"]), ADAM["epsilon"], fused=True)
        self.weights = torch.tensor(CLASS_WEIGHTS)

    def parameters(self):
        counted = dict(self.net.state_dict())
        return sum(t.numel() for name, t in counted.items() if not name.endswith("num_batches_tracked"))

    def fill(self, value):
        """Sets every weight to value(layer/weight, shape), both as Keras has them; of a library's layer the name is its own."""
        def take(tensor, name, order=None):
            shape = tuple(tensor.shape) if order is None else tuple(tensor.permute(*order).shape)
            filled = torch.from_numpy(value(name, shape))
            back = None if order is None else [order.index(i) for i in range(len(order))]
            with torch.no_grad():
                tensor.copy_(filled if back is None else filled.permute(*back))

        for path, layer in self.net.named_modules():
            name = path.removeprefix("backbone.layers.")
            if isinstance(layer, nn.Conv2d):
                if layer.groups > 1:
                    take(layer.weight, name + "/depthwise_kernel", (2, 3, 0, 1))
                else:
                    take(layer.weight, name + "/kernel", (2, 3, 1, 0))
                if layer.bias is not None:
                    take(layer.bias, name + "/bias")
            elif isinstance(layer, nn.BatchNorm2d):
                for ours, keras in (("weight", "gamma"), ("bias", "beta"), ("running_mean", "moving_mean"), ("running_var", "moving_variance")):
                    take(getattr(layer, ours), f"{name}/{keras}")
            elif isinstance(layer, nn.Linear):
                take(layer.weight, name + "/kernel", (1, 0))
                take(layer.bias, name + "/bias")
            elif isinstance(layer, (SoftAttention, Normalization)):
                for part, tensor in layer.state_dict(keep_vars=True).items():
                    take(tensor, f"{name}/{part}")

    def train_step(self):
        return self.trained(self.net)

    def trained(self, forward):
        """Takes a step and returns the loss; forward computes the network."""
        self.net.train()
        self.adam.zero_grad(set_to_none=True)
        losses = F.cross_entropy(forward(self.images, self.metadata), self.labels, reduction="none")
        loss = (losses * self.weights[self.labels]).mean()
        loss.backward()
        self.adam.step()
        return loss.item()

    def infer_step(self):
        self.net.eval()
        with torch.inference_mode():
            return F.softmax(self.net(self.images, self.metadata), -1).numpy()
