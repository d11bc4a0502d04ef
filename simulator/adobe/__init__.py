"""Adobe's public behaviour (sign-in, surfaces, campaigns, proofs), and the automation contract in front of it."""
