# Touchline with everything of requirements.lock, for x86-64 Linux. docs/installation.md says how to use it.
FROM python:3.12-slim-bookworm

# ffmpeg cuts chunks, git fetches SoccerNet-Echoes, graphviz draws the workflow; in the distribution's versions.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ffmpeg git graphviz make \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /touchline
COPY requirements.lock ./
# The lock is complete, so nothing is resolved.
RUN pip install --no-cache-dir --no-deps --requirement requirements.lock

COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable . \
    && touchline --help > /dev/null

# A study is in the folder that is mounted here; caches of libraries go there too, for users without a home.
ENV HF_HOME=/study/.cache/huggingface \
    XDG_CACHE_HOME=/study/.cache \
    MPLCONFIGDIR=/tmp \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /study
CMD ["touchline", "--help"]
