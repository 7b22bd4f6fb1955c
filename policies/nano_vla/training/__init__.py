"""Training of a Nano-VLA: demonstrations, batches, paraphrases, the loop."""
