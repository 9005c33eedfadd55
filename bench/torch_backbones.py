"""The backbones of the authors' networks in PyTorch, up to the authors' cuts."""
import torch
import torch.nn.functional as F
from torch import nn

from common import TORCH

# stride and output channels of MobileNetV2's blocks, up to the one that is cut
BLOCKS = [(1, 16), (2, 24), (1, 24), (2, 32), (1, 32), (1, 32), (2, 64), (1, 64), (1, 64), (1, 64), (1, 96), (1, 96), (1, 96),
          (2, 160), (1, 160)]


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


class MobileNetV2(nn.Module):
    """Layers carry the names that Keras gives them."""

    def __init__(self, exact):
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
        self.layers = nn.ModuleDict(layers)

    def forward(self, x):
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
                return x
            x = relu6(layer[name + "depthwise_BN"](x))
            x = layer[name + "project_BN"](layer[name + "project"](x))
            if adds:
                x = start + x


def library_network(peer):
    """torchvision's or timm's network without weights."""
    if peer.library == "timm":
        import timm
        return timm.create_model(peer.model)
    from torchvision import models
    net = getattr(models, peer.model)(weights=None)
    if isinstance(net, models.ResNet):  # the strides where Keras has them: in the first 1x1 convolution of a block, which is less work
        for stage in (net.layer2, net.layer3, net.layer4):
            stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
    return net


class Reached(Exception):
    """Carries the features out of a library's forward pass."""


class UpToCut(nn.Module):
    """A library's network up to the cut; what the cut does not depend on is taken out."""

    def __init__(self, name, size):
        super().__init__()
        self.cut = TORCH[name]
        self.net = library_network(self.cut)
        for path in self.cut.idle:
            self.net.set_submodule(path, nn.Identity())
        self.net.get_submodule(self.cut.last).register_forward_hook(reached)
        self.keep_what_runs(size)

    def keep_what_runs(self, size):
        ran = set()
        hooks = [m.register_forward_pre_hook(lambda module, _: ran.add(module)) for m in self.net.modules()]
        with torch.inference_mode():
            self.eval()(torch.zeros(1, 3, size, size))
        for hook in hooks:
            hook.remove()
        removed = []
        for path, module in list(self.net.named_modules()):
            if not any(m in ran for m in module.modules()) and not any(path.startswith(r + ".") for r in removed):
                self.net.set_submodule(path, nn.Identity())
                removed.append(path)

    def forward(self, x):
        try:
            self.net(x)
        except Reached as features:
            x = features.args[0]
        for path in self.cut.tail:
            x = self.net.get_submodule(path)(x)
        return x


def reached(module, inputs, output):
    raise Reached(output)
