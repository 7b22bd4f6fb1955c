"""Nano-VLA: a small vision-language-action policy, its inference engine and checkpoints."""
