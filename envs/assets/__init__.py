"""The asset pack that this project authors, its generator, and the choice between packs."""
