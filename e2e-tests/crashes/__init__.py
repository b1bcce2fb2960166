"""Every process at once is killed between any two of the writes that one deed takes."""
