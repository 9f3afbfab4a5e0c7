__version__ = '0.21.0+cu124'
git_version = '7af6987'
from torchvision.extension import _check_cuda_version
if _check_cuda_version() > 0:
    cuda = _check_cuda_version()
