"""A stand-in for Azure Resource Manager, as far as a registry's posture asks it."""

from local.arm.server import ArmStandIn

__all__ = ["ArmStandIn"]
