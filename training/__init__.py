"""Train an autoencoder on what is normal and write it down as a bundle."""
