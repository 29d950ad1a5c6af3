"""One step of small networks for images, in float64, of torchvision's modules; and what the
networks that have a name hold.

    param/KEY   parameters, by PyTorch's state-dict keys
    state/KEY   buffers of batch norm before the step;  after/KEY  after it
    in/0, in/1  images and class indices
    out/0       mean cross-entropy;  out/1  logits
    grad/KEY    gradient of the loss for each parameter

U-Net stands here itself, under the keys of the implementation that it names.

model/testdata/variants.txt has a line for each network: its name, parameters, keys of its
state dict, and the first 16 digits of the SHA-256 of the sorted lines "KEY [SHAPE]".
python vision.py NAME prints these lines.
"""

import hashlib
import sys
from functools import partial

import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torchvision.models import convnext, efficientnet, mobilenetv3, resnet, vgg

from golden import ROOT
from net import build


def small_vgg(batch_norm):
    """Stages of 4 and 6 channels, a grid of 2x2, linear layers of width 8: images [B 3 16 16]."""
    net = vgg.VGG(vgg.make_layers([4, "M", 6, 6, "M"], batch_norm), init_weights=False)
    net.avgpool = nn.AdaptiveAvgPool2d(2)
    net.classifier = nn.Sequential(
        nn.Linear(24, 8), nn.ReLU(), nn.Dropout(0), nn.Linear(8, 8), nn.ReLU(), nn.Dropout(0), nn.Linear(8, 10)
    )
    return net


class ResNeXt(nn.Module):
    """Bottlenecks of torchvision with two groups, 32 channels wide in a stage of 64: images [B 3 16 16]."""

    def __init__(self):
        super().__init__()
        block = partial(resnet.Bottleneck, groups=2, base_width=32)
        projection = nn.Sequential(resnet.conv1x1(4, 16, 1), nn.BatchNorm2d(16))
        self.conv1 = nn.Conv2d(3, 4, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer1 = nn.Sequential(block(4, 4, downsample=projection), block(16, 4))
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = self.layer1(F.relu(self.bn1(self.conv1(x))))
        return self.fc(x.mean((2, 3)))


class Hardsigmoid(nn.Module):
    """Its formula: the backward of PyTorch's own has 1/6 as a float32, also for float64."""

    def forward(self, x):
        return F.relu6(x + 3) / 6


def mobilenet_v3():
    """Four inverted residuals of 8 channels, with all that one can have: images [B 3 16 16]."""
    block = partial(mobilenetv3.InvertedResidualConfig, dilation=1, width_mult=1)
    net = mobilenetv3.MobileNetV3(
        [
            block(8, 3, 8, 8, False, "RE", 1),
            block(8, 5, 16, 8, True, "RE", 1),
            block(8, 3, 16, 8, False, "HS", 2),
            block(8, 5, 8, 8, True, "HS", 1),
        ],
        last_channel=8,
        num_classes=10,
        dropout=0,
    )
    for m in net.modules():
        if isinstance(m, mobilenetv3.SElayer):
            m.scale_activation = Hardsigmoid()
    return net


def efficientnet_(fused):
    """Stages of 8 channels: images [B 3 16 16]."""
    block = efficientnet.MBConvConfig
    stages = [block(1, 3, 1, 8, 8, 1), block(2, 5, 2, 8, 8, 2)]
    if fused:
        fuse = efficientnet.FusedMBConvConfig
        stages = [fuse(1, 3, 1, 8, 8, 1), fuse(2, 3, 2, 8, 8, 2), block(2, 3, 1, 8, 8, 1)]
    return efficientnet.EfficientNet(
        stages, dropout=0, stochastic_depth_prob=0, num_classes=10, last_channel=12 if fused else None
    )


def convnext_():
    """Stages of 4 and 6 channels, patches of 4x4: images [B 3 16 16]."""
    block = convnext.CNBlockConfig
    return convnext.ConvNeXt([block(4, 6, 1), block(6, None, 2)], num_classes=10)


class DoubleConv(nn.Module):
    """Keys as in github.com/milesial/Pytorch-UNet, revision 21d7850, and so for the classes below."""

    def __init__(self, c_in, middle, c_out):
        super().__init__()
        layers = []
        for a, b in ((c_in, middle), (middle, c_out)):
            layers += [nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
        self.double_conv = nn.Sequential(*layers)

    def forward(self, x):
        return self.double_conv(x)


class Down(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(c_in, c_out, c_out))

    def forward(self, x):
        return self.maxpool_conv(x)


class Up(nn.Module):
    def __init__(self, below, beside, c_out, bilinear):
        super().__init__()
        both = beside + below // 2
        if bilinear:
            self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        else:
            self.up = nn.ConvTranspose2d(below, below // 2, 2, 2)
        self.conv = DoubleConv(both, both // 2 if bilinear else c_out, c_out)

    def forward(self, x, beside):
        x = self.up(x)
        y, z = (beside.shape[i] - x.shape[i] for i in (2, 3))
        x = F.pad(x, [z // 2, z - z // 2, y // 2, y - y // 2])
        return self.conv(torch.cat([beside, x], 1))


class UNet(nn.Module):
    def __init__(self, widths, bilinear=False, classes=10):
        super().__init__()
        factor = 2 if bilinear else 1
        self.depth = len(widths) - 1
        self.inc = DoubleConv(3, widths[0], widths[0])
        for i in range(1, self.depth + 1):
            self.add_module(f"down{i}", Down(widths[i - 1], widths[i] // (factor if i == self.depth else 1)))
        for i in range(1, self.depth + 1):
            beside = widths[self.depth - i]
            out = beside // (factor if i < self.depth else 1)
            self.add_module(f"up{i}", Up(widths[self.depth - i + 1], beside, out, bilinear))
        self.outc = nn.Module()
        self.outc.conv = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x):
        x, passed = self.inc(x), []
        for i in range(1, self.depth + 1):
            passed.append(x)
            x = getattr(self, f"down{i}")(x)
        for i in range(1, self.depth + 1):
            x = getattr(self, f"up{i}")(x, passed[-i])
        return self.outc.conv(x)


class Variants:
    """The file of names."""

    def __init__(self, path):
        self.path = path
        self.cases = networks()

    def text(self):
        lines = [f"# torchvision {torchvision.__version__.split('+')[0]}, tools/goldens/vision.py"]
        for name, net in self.cases.items():
            with torch.device("meta"):
                net = net()
            listed = keys(net)
            digest = hashlib.sha256("".join(line + "\n" for line in listed).encode()).hexdigest()[:16]
            lines.append(f"{name} {sum(p.numel() for p in net.parameters())} {len(listed)} {digest}")
        return "\n".join(lines) + "\n"

    def differences(self):
        path = ROOT / self.path
        if not path.exists():
            return ["file is missing"]
        return sorted(set(self.text().splitlines()) ^ set(path.read_text().splitlines()))

    def write(self):
        path = ROOT / self.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.text())
        return path.stat().st_size


def keys(net):
    return sorted(f"{key} [{' '.join(map(str, v.shape))}]" for key, v in net.state_dict().items())


def networks():
    names = [f"vgg{n}{norm}" for n in (11, 13, 16, 19) for norm in ("", "_bn")]
    names += [f"resnet{n}" for n in (18, 34, 50, 101, 152)]
    names += ["resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2"]
    names += ["mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large"]
    names += [f"efficientnet_{v}" for v in ("b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "v2_s", "v2_m", "v2_l")]
    names += [f"convnext_{size}" for size in ("tiny", "small", "base", "large")]
    names += ["vit_b_16", "vit_b_32", "vit_l_16", "vit_l_32", "vit_h_14"]
    nets = {name: partial(torchvision.models.get_model, name) for name in names}
    return nets | {"unet": partial(UNet, [64, 128, 256, 512, 1024], classes=2)}


FILES = {
    "model/vgg/testdata/step.safetensors": build("vgg", partial(small_vgg, False), [3, 16, 16], seed=110, batch=3, script="vision"),
    "model/vgg/testdata/norm_step.safetensors": build("vgg_bn", partial(small_vgg, True), [3, 16, 16], seed=111, batch=3, script="vision"),
    "model/resnet/testdata/groups_step.safetensors": build("resnext", ResNeXt, [3, 16, 16], seed=112, batch=3, script="vision"),
    "model/mobilenetv3/testdata/step.safetensors": build("mobilenet_v3", mobilenet_v3, [3, 16, 16], seed=113, batch=4, script="vision"),
    "model/efficientnet/testdata/step.safetensors": build("efficientnet", partial(efficientnet_, False), [3, 16, 16], seed=114, batch=4, script="vision"),
    "model/efficientnet/testdata/v2_step.safetensors": build("efficientnet_v2", partial(efficientnet_, True), [3, 16, 16], seed=115, batch=4, script="vision"),
    "model/convnext/testdata/step.safetensors": build("convnext", convnext_, [3, 16, 16], seed=116, batch=3, script="vision"),
    "model/unet/testdata/step.safetensors": build("unet", partial(UNet, [4, 6, 8]), [3, 10, 13], seed=117, batch=2, script="vision", places=[10, 13]),
    "model/unet/testdata/bilinear_step.safetensors": build("bilinear", partial(UNet, [4, 6, 8], True), [3, 10, 13], seed=118, batch=2, script="vision", places=[10, 13]),
    "model/testdata/variants.txt": Variants,
}

if __name__ == "__main__":
    with torch.device("meta"):
        print("\n".join(keys(networks()[sys.argv[1]]())))
