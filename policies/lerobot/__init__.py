"""LeRobot's policies: SmolVLA, ACT, Diffusion, pi0, pi05, as ``save_pretrained`` saved them.

LeRobot wants a Python and pins of its own, so it lives in an environment of its own, which
``make setup-lerobot`` creates. Nothing here imports it before a policy is built.
"""
