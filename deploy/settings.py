"""What `docker compose up` begins with: is there a name in .env that is no setting?"""

import os
import sys

from shared.settings import unknown_names

if __name__ == "__main__":
    sys.exit("\n".join(unknown_names(os.environ)) or None)
