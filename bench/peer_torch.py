"""The authors' network in PyTorch, and its steps: eager mode, channels last, fused Adam."""
import torch
import torch.nn.functional as F
from torch import nn

from common import ADAM, CLASSES, CLASS_WEIGHTS, DROPOUT, HEADS, METADATA, METADATA_UNITS

NAME, VERSION = "PyTorch", torch.__version__
BLOCKS = [(1, 16), (2, 24), (1, 24), (2, 32), (1, 32), (1, 32), (2, 64), (1, 64), (1, 64), (1, 64), (1, 96), (1, 96), (1, 96),
          (2, 160), (1, 160)]  # stride and output channels, up to the block that is cut


class Convolution(nn.Conv2d):
    """Without bias. Pads stride 2 as torchvision does, inside the convolution; exact: as Keras does, less before an even map."""

    def __init__(self, cin, cout, kernel, stride=1, groups=1, exact=False):
        exact = exact and stride == 2
        super().__init__(cin, cout, kernel, stride, 0 if exact else kernel // 2, groups=groups, bias=False)
        self.exact = exact

    def forward(self, x):
        if self.exact:
            before = x.shape[2] % 2
            x = F.pad(x, (before, 1, before, 1))
        return super().forward(x)


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
    """Layers carry the names that Keras gives them."""

    def __init__(self, size, exact):
        super().__init__()
        layers = {}

        def norm(channels):
            return nn.BatchNorm2d(channels, eps=1e-3, momentum=1e-3)

        layers["Conv1"], layers["bn_Conv1"] = Convolution(3, 32, 3, 2, exact=exact), norm(32)
        self.blocks, cin = [], 32
        for i, (stride, cout) in enumerate(BLOCKS):
            name, wide = ("expanded_conv_", cin) if i == 0 else (f"block_{i}_", 6 * cin)
            if i > 0:
                layers[name + "expand"], layers[name + "expand_BN"] = Convolution(cin, wide, 1), norm(wide)
            layers[name + "depthwise"] = Convolution(wide, wide, 3, stride, wide, exact)
            self.blocks.append((name, i > 0, stride == 1 and cin == cout))
            if i == len(BLOCKS) - 1:
                break
            layers[name + "depthwise_BN"] = norm(wide)
            layers[name + "project"], layers[name + "project_BN"] = Convolution(wide, cout, 1), norm(cout)
            cin = cout
        side = -(-size // 32)
        pooled = -(-side // 2)
        layers["soft_attention"], layers["normalization"] = SoftAttention(wide), Normalization()
        layers["dense"] = nn.Linear(METADATA, METADATA_UNITS)
        layers["dense_1"] = nn.Linear(pooled * pooled * 2 * wide + METADATA_UNITS, CLASSES)
        self.layers = nn.ModuleDict(layers)

    def forward(self, x, metadata):
        layer = self.layers

        def relu6(x):
            return F.relu6(x, inplace=True)

        x = relu6(layer["bn_Conv1"](layer["Conv1"](x)))
        for i, (name, expands, adds) in enumerate(self.blocks):
            start = x
            if expands:
                x = relu6(layer[name + "expand_BN"](layer[name + "expand"](x)))
            x = layer[name + "depthwise"](x)
            if i == len(self.blocks) - 1:
                break
            x = relu6(layer[name + "depthwise_BN"](x))
            x = layer[name + "project_BN"](layer[name + "project"](x))
            if adds:
                x = start + x
        x = torch.cat([F.max_pool2d(t, 2, ceil_mode=True) for t in (x, layer["soft_attention"](x))], 1)
        x = F.dropout(F.relu(x), DROPOUT, self.training)
        x = x.permute(0, 2, 3, 1).flatten(1)  # in memory already so
        metadata = torch.cat([layer["normalization"](metadata[:, :1]), metadata[:, 1:]], 1)
        return layer["dense_1"](torch.cat([x, F.relu(layer["dense"](metadata))], 1))


class Peer:
    """batch: images [B size size 3] in -1..1, metadata [B 21] with the age in years, labels [B]. exact: as Keras in every rounding of sizes."""

    def __init__(self, size, batch, threads, exact=False):
        torch.set_num_threads(threads)
        self.net = Network(size, exact)
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
        """Sets every weight to value(Keras's layer/weight, Keras's shape)."""
        def take(tensor, name, order=None):
            shape = tuple(tensor.shape) if order is None else tuple(tensor.permute(*order).shape)
            filled = torch.from_numpy(value(name, shape))
            back = None if order is None else [order.index(i) for i in range(len(order))]
            with torch.no_grad():
                tensor.copy_(filled if back is None else filled.permute(*back))

        for name, layer in self.net.layers.items():
            if isinstance(layer, nn.Conv2d):
                if layer.groups > 1:
                    take(layer.weight, name + "/depthwise_kernel", (2, 3, 0, 1))
                else:
                    take(layer.weight, name + "/kernel", (2, 3, 1, 0))
            elif isinstance(layer, nn.BatchNorm2d):
                for ours, keras in (("weight", "gamma"), ("bias", "beta"), ("running_mean", "moving_mean"), ("running_var", "moving_variance")):
                    take(getattr(layer, ours), f"{name}/{keras}")
            elif isinstance(layer, nn.Linear):
                take(layer.weight, name + "/kernel", (1, 0))
                take(layer.bias, name + "/bias")
            else:
                for part, tensor in layer.state_dict(keep_vars=True).items():
                    take(tensor, f"{name}/{part}")

    def train_step(self):
        self.net.train()
        self.adam.zero_grad(set_to_none=True)
        losses = F.cross_entropy(self.net(self.images, self.metadata), self.labels, reduction="none")
        loss = (losses * self.weights[self.labels]).mean()
        loss.backward()
        self.adam.step()
        return loss.item()

    def infer_step(self):
        self.net.eval()
        with torch.inference_mode():
            return F.softmax(self.net(self.images, self.metadata), -1).numpy()
