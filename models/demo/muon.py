"""Muon (Keller Jordan, https://kellerjordan.github.io/posts/muon), as torch.optim.Muon with match_rms_adamw, but in the numbers of
the weights: torch's multiplies in BF16, which a processor without AVX-512 BF16 only emulates.
"""

import torch

COEFFICIENTS = (3.4445, -4.775, 2.0315)  # of the quintic iteration
ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """Steps in directions whose singular values are all about 1. All parameters are matrices."""

    def __init__(self, parameters: list[torch.nn.Parameter], lr: float, weight_decay: float, momentum: float):
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(parameter)
                kept = state["momentum_buffer"].lerp_(parameter.grad, 1 - group["momentum"])
                direction = orthogonal(parameter.grad.lerp(kept, group["momentum"]))
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(direction, alpha=-group["lr"] * 0.2 * max(parameter.shape) ** 0.5)


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """The nearest matrix whose singular values are all 1, roughly: they come out between 0.5 and 1.5."""
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    cur = matrix.T if tall else matrix
    cur = cur / cur.norm().clamp(min=1e-7)
    for _ in range(ITERATIONS):
        gram = cur @ cur.T
        cur = torch.addmm(cur, torch.addmm(gram, gram, gram, beta=b, alpha=c), cur, beta=a)
    return cur.T if tall else cur
