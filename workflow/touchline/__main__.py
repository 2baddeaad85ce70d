"""`python -m touchline COMMAND`, the same as the console command `touchline COMMAND`."""

from touchline.commands import main

if __name__ == "__main__":
    main()
