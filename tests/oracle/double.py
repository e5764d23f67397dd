"""double.py: transformers' models in float64 throughout.

Their sources cast to float32 in places (norms, softmax, rotary angles), whatever the model's own
type. Inside `with Double():` every such request is answered in float64, both while a model is built
and while it runs, so that a model's output is exact to about 1e-15 and not to 1e-7.
"""
import torch
from torch.overrides import TorchFunctionMode


class Double(TorchFunctionMode):
    def __enter__(self):
        self._before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        return super().__enter__()

    def __exit__(self, *exception):
        torch.set_default_dtype(self._before)
        return super().__exit__(*exception)

    def __torch_function__(self, function, types, args=(), kwargs=None):
        def swap(value):
            return torch.float64 if value is torch.float32 else value
        if function is torch.Tensor.float:
            function = torch.Tensor.double
        return function(*[swap(a) for a in args], **{k: swap(v) for k, v in (kwargs or {}).items()})
