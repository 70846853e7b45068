"""What an operator asks: is it alive, is it ready, what does it count, what is wrong with this installation."""

from service.operation.endpoints import router
from service.operation.readiness import Readiness

__all__ = ["Readiness", "router"]
