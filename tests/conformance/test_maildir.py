"""What is particular to the maildir: files that mail clients open, once each."""

from mailbox import Maildir
from pathlib import Path

from automation_pipelines.channels.maildir import MaildirChannel
from automation_pipelines.model import Sent
from tests.conformance.posts import email


def test_messages_lie_in_new_and_nothing_is_left_unfinished(tmp_path: Path) -> None:
    MaildirChannel(tmp_path / "outbox").send([email(job) for job in (1, 2)])
    assert sorted(path.name for path in (tmp_path / "outbox" / "new").iterdir()) == ["1.test", "2.test"]
    assert list((tmp_path / "outbox" / "tmp").iterdir()) == []


def test_a_message_already_read_does_not_come_back(tmp_path: Path) -> None:
    channel = MaildirChannel(tmp_path)
    channel.send([email(1)])
    (tmp_path / "new" / "1.test").rename(tmp_path / "cur" / "1.test:2,RS")
    assert channel.send([email(1)]) == [Sent("1.test")]
    assert len(Maildir(tmp_path)) == 1


def test_a_mail_client_reads_what_was_written(tmp_path: Path) -> None:
    MaildirChannel(tmp_path).send([email(1)])
    [message] = Maildir(tmp_path)
    assert message["To"] == '"Kim" <kim1@mail.example.com>'
    assert b"\r" not in (tmp_path / "new" / "1.test").read_bytes()
    assert [part.get_content_type() for part in message.walk()][1:] == ["text/plain", "text/html"]
