"""Users remove their passkeys, and administrators those of users who have lost them."""

import pytest

from tests.auth.passkey_support import Laptop, send
from tests.auth.people import (
    Person,
    add_roles,
    add_user,
    turn_on_second_factor,
)
from kit.application import Service
from kit.testing import assert_problem
from kit.testing.accounts import Mails


@pytest.fixture
async def ada(own_app: Service) -> Person:
    return await (await add_user(own_app, "ada@example.com")).sign_in()


async def test_removed_passkey_does_not_sign_in(laptop: Laptop) -> None:
    other = await laptop.person.sign_in()
    body = await laptop.answer()
    response = await laptop.remove()
    assert response.status_code == 200, response.text
    assert not await laptop.person.is_signed_in(), "the old token"
    assert not await other.is_signed_in()
    assert await laptop.person.with_token(response.json()["token"]).is_signed_in()
    assert_problem(await send(laptop.person.app, body), 401, "wrong-passkey")


async def test_removal_needs_password_and_code(laptop: Laptop) -> None:
    assert_problem(await laptop.remove(current_password="wrong"), 403, "wrong-password")
    laptop.person, _, codes = await turn_on_second_factor(laptop.person)
    assert_problem(await laptop.remove(), 403, "code-required")
    assert (await laptop.remove(code=codes[0])).status_code == 200


async def test_administrator_removes_all_passkeys_of_a_user(laptop: Laptop, mails: Mails) -> None:
    app = laptop.person.app
    await add_roles(app)
    path = f"/auth/users/{laptop.person.user_id}/passkeys"
    reader = await (await add_user(app, "eve@example.com", "reader")).sign_in()
    assert_problem(await reader.call("DELETE", path), 403, "missing-permission")
    support = await (await add_user(app, "bob@example.com", "support")).sign_in()
    assert (await support.call("DELETE", path)).status_code == 204
    assert not await laptop.person.is_signed_in()
    assert_problem(await laptop.try_to_sign_in(), 401, "wrong-passkey")
    mail = await mails.wait_for("ada@example.com")
    assert "an administrator removed all passkeys" in " ".join(str(mail.message).split())
    assert (await support.call("DELETE", path)).status_code == 204
    assert len(mails.to("ada@example.com")) == 1


async def test_support_cannot_remove_passkeys_of_an_administrator(own_app: Service) -> None:
    await add_roles(own_app)
    admin = await (await add_user(own_app, "ada@example.com", "admin")).sign_in()
    laptop = await Laptop(admin).register()
    support = await (await add_user(own_app, "bob@example.com", "support")).sign_in()
    response = await support.call("DELETE", f"/auth/users/{admin.user_id}/passkeys")
    assert_problem(response, 403, "missing-permission")
    assert (await laptop.try_to_sign_in()).status_code == 201


async def test_user_gets_a_mail_about_each_change(ada: Person, mails: Mails) -> None:
    laptop = await Laptop(ada).register()
    added = await mails.wait_for("ada@example.com")
    assert added.kind == "second_factor_changed"
    assert "a passkey was added" in " ".join(str(added.message).split())
    await laptop.remove()
    removed = await mails.wait_for("ada@example.com", 2)
    assert "a passkey was removed" in " ".join(str(removed.message).split())


async def test_user_sees_and_removes_only_own_passkeys(laptop: Laptop) -> None:
    eve = await (await add_user(laptop.person.app, "eve@example.com")).sign_in()
    other = Laptop(eve, passkey_id=laptop.passkey_id)
    assert await other.list_passkeys() == []
    assert_problem(await other.remove(), 404, "passkey-not-found")
    assert (await laptop.try_to_sign_in()).status_code == 201
