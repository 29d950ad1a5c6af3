"""One training step of small networks, in float64.

    param/KEY   parameters, by PyTorch's state-dict keys
    state/KEY   buffers of batch norm before the step;  after/KEY  after it
    in/0, in/1  images and class indices
    out/0       mean cross-entropy;  out/1  logits
    grad/KEY    gradient of the loss for each parameter
"""

import torch
import torch.nn.functional as F
from torch import nn

from golden import Golden


class CNN(nn.Module):
    """The LeNet-style network of the repository with few channels: images [B 1 28 28]."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 5)
        self.conv2 = nn.Conv2d(4, 8, 5)
        self.fc1 = nn.Linear(8 * 4 * 4, 16)
        self.fc2 = nn.Linear(16, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class Block(nn.Module):
    """torchvision's basic block; downsample where width or size changes."""

    def __init__(self, c_in, c_out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.downsample = None
        if stride != 1 or c_in != c_out:
            self.downsample = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """torchvision's bottleneck, with the stride at the middle convolution."""

    def __init__(self, c_in, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = None
        if stride != 1 or c_in != 4 * width:
            self.downsample = nn.Sequential(nn.Conv2d(c_in, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return F.relu(out + (x if self.downsample is None else self.downsample(x)))


class BottleneckNet(nn.Module):
    """ImageNet ResNet with two bottlenecks of 3 channels and one of 4: images [B 3 32 32]."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 3, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(3)
        self.layer1 = nn.Sequential(Bottleneck(3, 3, 1), Bottleneck(12, 3, 1))
        self.layer2 = nn.Sequential(Bottleneck(12, 4, 2))
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.fc(self.layer2(self.layer1(x)).mean((2, 3)))


class ResNet(nn.Module):
    """CIFAR ResNet with one block of 4 channels and one of 8: images [B 3 16 16]."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer1 = nn.Sequential(Block(4, 4, 1))
        self.layer2 = nn.Sequential(Block(4, 8, 2))
        self.fc = nn.Linear(8, 10)

    def forward(self, x):
        x = self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x)))))
        return self.fc(x.mean((2, 3)))


def conv_norm(c_in, c_out, kernel, stride=1, groups=1):
    """torchvision's Conv2dNormActivation with ReLU6."""
    conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out), nn.ReLU6())


class InvertedResidual(nn.Module):
    """torchvision's, of MobileNet-V2."""

    def __init__(self, c_in, c_out, stride, expand):
        super().__init__()
        inner = c_in * expand
        self.shortcut = stride == 1 and c_in == c_out
        self.conv = nn.Sequential(
            *([conv_norm(c_in, inner, 1)] if expand != 1 else []),
            conv_norm(inner, inner, 3, stride, inner),
            nn.Conv2d(inner, c_out, 1, bias=False),
            nn.BatchNorm2d(c_out),
        )

    def forward(self, x):
        return x + self.conv(x) if self.shortcut else self.conv(x)


class MobileNet(nn.Module):
    """MobileNet-V2 with three blocks of a few channels: images [B 3 32 32]."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            conv_norm(3, 4, 3, 2),
            InvertedResidual(4, 3, 1, 1),
            InvertedResidual(3, 5, 2, 2),
            InvertedResidual(5, 5, 1, 2),
            conv_norm(5, 8, 1),
        )
        self.classifier = nn.Sequential(nn.Dropout(0), nn.Linear(8, 10))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


def fill(net, gen):
    """Seeded values in place of PyTorch's own initialisation, batch norm included."""
    with torch.no_grad():
        for key, p in net.named_parameters():
            noise = torch.randn(p.shape, generator=gen, dtype=p.dtype)
            if p.dim() > 1:
                p.copy_(noise / p[0].numel() ** 0.5)
            else:  # biases around 0, scales of batch norm (rank 1, named weight) around 1
                p.copy_(0.1 * noise + key.endswith("weight"))
        for key, b in net.named_buffers():
            if key.endswith("running_mean"):
                b.copy_(0.1 * torch.randn(b.shape, generator=gen, dtype=b.dtype))
            elif key.endswith("running_var"):
                b.copy_(0.5 + torch.rand(b.shape, generator=gen, dtype=b.dtype))


def build(op, make, image, seed, batch, script="net", places=()):
    def step(path):
        g = Golden(script, path, seed)
        gen = g.generator(op)
        net = make().double().train()
        fill(net, gen)
        x = torch.randn([batch, *image], generator=gen, dtype=torch.float64)
        target = torch.randint(0, 10, [batch, *places], generator=gen)
        for key, p in net.named_parameters():
            g.put(f"param/{key}", p)
        for key, b in net.named_buffers():
            g.put(f"state/{key}", b)
        logits = net(x)
        loss = F.cross_entropy(logits, target)
        loss.backward()
        for name, tensor in (("in/0", x), ("in/1", target), ("out/0", loss), ("out/1", logits)):
            g.put(name, tensor)
        for key, p in net.named_parameters():
            g.put(f"grad/{key}", p.grad)
        for key, b in net.named_buffers():
            g.put(f"after/{key}", b)
        g.add(op, op=op)
        return g

    return step


FILES = {
    "nn/testdata/cnn_step.safetensors": build("cnn", CNN, [1, 28, 28], seed=30, batch=3),
    "nn/testdata/resnet_step.safetensors": build("resnet", ResNet, [3, 16, 16], seed=31, batch=4),
    "model/resnet/testdata/bottleneck_step.safetensors": build("bottleneck", BottleneckNet, [3, 32, 32], seed=66, batch=4),
    "model/mobilenet/testdata/step.safetensors": build("mobilenet", MobileNet, [3, 32, 32], seed=67, batch=3),
}
