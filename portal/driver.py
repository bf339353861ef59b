"""The database's driver itself, past SQLAlchemy's machinery: for what every request asks and every record stores.

Whatever a short statement does, SQLAlchemy takes ten times as long over it as the driver. So those of the hot path are
constants, compiled once for each kind of database, and then handed to the driver as they are; values are turned into
the driver's, and back, by the same functions of the columns' types. Measured: a run's nine statements cost a tenth.

Such a statement has a fixed number of parameters (no ``IN``), each with a type where the driver needs one.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Dialect, PoolProxiedConnection, Select, Update
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from portal.database import Db

Processor = Callable[[Any], Any]


def first(db: Db, statement: Select[Any], **given: object) -> Any:
    """The first row, as a named tuple; None when there is none."""
    compiled = _compiled(statement, db.database.engine.dialect)
    with db.driver() as connection:
        cursor = send(connection, compiled.dialect, compiled.sql, compiled.parameters(given))
        found = cursor.fetchone()
        cursor.close()
    return None if found is None else compiled.row(found)


def every(db: Db, statement: Select[Any], **given: object) -> list[Any]:
    """All rows, as named tuples."""
    compiled = _compiled(statement, db.database.engine.dialect)
    with db.driver() as connection:
        cursor = send(connection, compiled.dialect, compiled.sql, compiled.parameters(given))
        found = cursor.fetchall()
        cursor.close()
    return [compiled.row(one) for one in found]


def change(db: Db, statement: Update, **given: object) -> None:
    """Carry out an UPDATE, inside the write transaction of whoever may."""
    compiled = _compiled(statement, db.database.engine.dialect)
    with db.driver() as connection:
        send(connection, compiled.dialect, compiled.sql, compiled.parameters(given)).close()


def send(
    connection: PoolProxiedConnection, dialect: Dialect, sql: str, parameters: Any = (), *, is_many: bool = False
) -> DBAPICursor:
    """A statement to the driver; what goes wrong is raised as SQLAlchemy's errors. is_many: a list of parameters."""
    cursor = connection.cursor()
    try:
        if is_many:
            cursor.executemany(sql, parameters)
        else:
            cursor.execute(sql, parameters)
    except Exception as error:
        cursor.close()
        dbapi_error = dialect.loaded_dbapi.Error
        if not isinstance(error, dbapi_error):
            raise
        raise DBAPIError.instance(sql, parameters, error, dbapi_error, dialect=dialect) from error
    return cursor


@dataclass(frozen=True)
class _Compiled:
    """A statement for one kind of database.

    order: the names of the parameters, where the driver takes them by place. fixed: those that the statement brings.
    to_driver, from_driver: what turns values into the driver's, by name; and back, by place.
    """

    dialect: Dialect
    sql: str
    order: Sequence[str] | None
    fixed: Mapping[str, Any]
    to_driver: Mapping[str, Processor]
    from_driver: tuple[tuple[int, Processor], ...]
    make_row: Callable[[Sequence[Any]], Any]

    def parameters(self, given: dict[str, Any]) -> Any:
        """All of them, as the driver wants them."""
        values = {**self.fixed, **given}
        for name, process in self.to_driver.items():
            values[name] = process(values[name])
        return values if self.order is None else [values[name] for name in self.order]

    def row(self, found: Sequence[Any]) -> Any:
        """A row of the driver's."""
        if self.from_driver:
            found = list(found)
            for place, process in self.from_driver:
                found[place] = process(found[place])
        return self.make_row(found)


@lru_cache(maxsize=100)
def _compiled(statement: Select[Any] | Update, dialect: Dialect) -> _Compiled:
    compiled = statement.compile(dialect=dialect)
    columns = list(statement.selected_columns) if isinstance(statement, Select) else []
    to_driver = {
        name: compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect) for name in compiled.params
    }
    from_driver = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
    row: Any = namedtuple("Row", [column.name for column in columns])  # type: ignore[misc]  # mypy wants names it knows
    return _Compiled(
        dialect=dialect,
        sql=compiled.string,
        order=compiled.positiontup,
        fixed={name: value for name, value in compiled.params.items() if value is not None},
        to_driver={name: process for name, process in to_driver.items() if process is not None},
        from_driver=tuple((place, process) for place, process in enumerate(from_driver) if process is not None),
        make_row=row._make,
    )
