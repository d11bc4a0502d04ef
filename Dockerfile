# One image for every process; docker-compose.yml says which command each service runs.
FROM python:3.11-slim

RUN useradd --create-home --uid 10001 onboard
WORKDIR /app
COPY pyproject.toml constraints.txt settings.py README.md ./
COPY cli cli
COPY engine engine
COPY gateway gateway
COPY models models
COPY providers providers
COPY simulator simulator
COPY tasks tasks
RUN pip install --no-cache-dir --constraint constraints.txt .

USER onboard
ENV ONBOARD_HOME=/home/onboard/state PYTHONUNBUFFERED=1
# No shell in between: the process itself is PID 1 and receives SIGTERM.
ENTRYPOINT ["onboard"]
CMD ["--help"]
