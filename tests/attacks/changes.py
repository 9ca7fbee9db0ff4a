"""What somebody who is signed in changes with the password; the answer may be a refusal."""

from httpx2 import Client, Response

from tests.attacks.carriers import API, Credentials


def change_password(client: Client, credentials: Credentials, current: str, new: str) -> Response:
    body = {"current_password": current, "new_password": new}
    path = f"{API}/users/me/change-password"
    return client.post(path, json=body, headers=credentials.headers)


def change_email(client: Client, credentials: Credentials, password: str, email: str) -> Response:
    body = {"email": email, "password": password}
    return client.post(f"{API}/users/me/change-email", json=body, headers=credentials.headers)
