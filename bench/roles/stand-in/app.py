"""What `GET /api/v1/users/app` of pg-user-api does for a call, no less and no more, on Flask's built-in server with a thread for
each request: HTTP Basic auth, a look into a SQLite registry, one new connection to PostgreSQL, CREATE USER with a generated
password and ALTER ROLE for the search path in one transaction, and a row in a SQLite audit log.

Settings come as environment variables; the port that it chose is the first line of its output; it ends when its input does.
"""

import hmac
import logging
import os
import secrets
import socket
import sqlite3
import sys
import threading

import psycopg2
from flask import Flask, jsonify, request
from psycopg2.extensions import AsIs

SETTINGS = os.environ
REGISTRY = SETTINGS["REGISTRY_FILE"]

logging.basicConfig(level=logging.INFO, format="%(asctime)s  %(levelname)s  %(message)s")
app = Flask(__name__)


def seed():
    registry = sqlite3.connect(REGISTRY)
    registry.execute(
        """CREATE TABLE db_registry (id INTEGER PRIMARY KEY AUTOINCREMENT, env TEXT NOT NULL, db_name TEXT NOT NULL,
           hostname TEXT NOT NULL, port INTEGER NOT NULL, active INTEGER NOT NULL DEFAULT 1, UNIQUE (env, db_name))"""
    )
    registry.execute(
        """CREATE TABLE audit_log (id INTEGER PRIMARY KEY AUTOINCREMENT, env TEXT, db_name TEXT, pg_username TEXT,
           operation TEXT, status TEXT, performed_at TEXT NOT NULL DEFAULT (datetime('now')))"""
    )
    registry.execute(
        "INSERT INTO db_registry (env, db_name, hostname, port) VALUES ('dev', ?, ?, ?)",
        (SETTINGS["DATABASE"], SETTINGS["PG_HOST"], int(SETTINGS["PG_PORT"])),
    )
    registry.commit()
    registry.close()


def is_authorized():
    given = request.authorization
    if not given:
        return False
    user_ok = hmac.compare_digest(given.username or "", SETTINGS["PG_API_USER"])
    password_ok = hmac.compare_digest(given.password or "", SETTINGS["PG_API_PASS"])
    return user_ok and password_ok


def find_database(env, name):
    registry = sqlite3.connect(REGISTRY)
    registry.row_factory = sqlite3.Row
    row = registry.execute(
        "SELECT hostname, port FROM db_registry WHERE env = ? AND db_name = ? AND active = 1", (env, name)
    ).fetchone()
    registry.close()
    return row


def write_audit(env, name, username, status):
    try:
        registry = sqlite3.connect(REGISTRY)
        registry.execute(
            "INSERT INTO audit_log (env, db_name, pg_username, operation, status) VALUES (?, ?, ?, ?, ?)",
            (env, name, username, "create_app_user", status),
        )
        registry.commit()
        registry.close()
    except Exception as error:
        app.logger.warning("audit row lost: %s", error)


@app.route("/")
def home():
    return jsonify({"service": "stand-in"})


@app.route("/api/v1/users/app")
def create_app_user():
    if not is_authorized():
        return jsonify({"error": "Unauthorized"}), 401
    env, name = request.args.get("env"), request.args.get("database")
    found = find_database(env, name)
    if found is None:
        return jsonify({"error": "No registry entry found"}), 404
    username = "{}_{}".format(request.args.get("servername"), request.args.get("port"))
    password = secrets.token_urlsafe(16)
    try:
        connection = psycopg2.connect(
            user=SETTINGS["PG_ADMIN_USER"],
            password=SETTINGS["PG_ADMIN_PASS"],
            host=found["hostname"],
            port=found["port"],
            dbname=name,
            sslmode="verify-full",
            sslrootcert=SETTINGS["PG_CA_FILE"],
            connect_timeout=60,
        )
        cursor = connection.cursor()
        cursor.execute("SELECT COUNT(*) FROM pg_catalog.pg_roles WHERE rolname = %s", [username])
        if cursor.fetchone()[0] > 0:
            status = "user already exists"
        else:
            cursor.execute("CREATE USER {} CONNECTION LIMIT 200 PASSWORD '{}'".format(AsIs(username), password))
            cursor.execute("ALTER ROLE {} IN DATABASE {} SET search_path TO public".format(AsIs(username), AsIs(name)))
            status = "user created"
        connection.commit()
        connection.close()
    except Exception as error:
        return jsonify({"error": str(error)}), 500
    write_audit(env, name, username, status)
    return jsonify(
        {
            "username": username,
            "password": password,
            "status": status,
            "hostname": found["hostname"],
            "database": name,
            "port": str(found["port"]),
            "env": env,
        }
    )


def end_with_parent():
    sys.stdin.read()
    os._exit(0)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    seed()
    threading.Thread(target=end_with_parent, daemon=True).start()
    port = free_port()
    print(port, flush=True)
    app.run(host="127.0.0.1", port=port)
