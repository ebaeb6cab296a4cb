"""PyTorch: the usual loop, eager, over tensors in memory."""

import torch

from timing.jobs import Job


def make(job: Job, x, y, fused: bool):
    """A ``fit``, with PyTorch's own Adam, fused or as it comes."""
    sizes = list(zip(job.sizes, job.sizes[1:], strict=False))
    layers = [layer for a, b in sizes for layer in (torch.nn.Linear(a, b), torch.nn.ReLU())][:-1]
    net, loss_of = torch.nn.Sequential(*layers), torch.nn.CrossEntropyLoss()
    update = torch.optim.Adam(net.parameters(), lr=job.rate, eps=1e-7, fused=fused or None)
    x, y = torch.from_numpy(x), torch.from_numpy(y)

    def fit(epochs: int) -> tuple[float, float]:
        for _ in range(epochs):
            total, right = torch.zeros(()), torch.zeros((), dtype=torch.int64)
            for rows in torch.randperm(len(x)).split(job.batch):
                logits, goal = net(x[rows]), y[rows]
                update.zero_grad()
                loss = loss_of(logits, goal)
                loss.backward()
                update.step()
                total += loss.detach() * len(rows)
                right += (logits.detach().argmax(1) == goal).sum()
        return float(total) / len(x), float(right) / len(x)

    return fit
