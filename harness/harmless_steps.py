"""Steps of a revision that `make db-lint` does not report."""

# What the advice leads to, and what only looks dangerous.
HARMLESS = [
    'op.add_column("users", sa.Column("a", sa.Integer()))',
    'op.add_column("users", sa.Column("a", sa.Integer(), nullable=False, server_default="0"))',
    'op.alter_column("users", "name", nullable=True)',
    # A new table is empty.
    (
        'op.create_table("orders", sa.Column("id", sa.Integer(), primary_key=True),'
        ' sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id", ondelete="CASCADE")))\n'
        'op.create_index("ix_orders_user_id", "orders", ["user_id"])\n'
        'op.create_unique_constraint("uq_orders_user_id", "orders", ["user_id"])'
    ),
    # The rows in the file are few.
    'op.bulk_insert(sa.table("roles", sa.column("name", sa.String())), [{"name": "UPDATE"}])',
    "op.execute(\"INSERT INTO roles (name) VALUES ('a') ON CONFLICT (name) DO UPDATE SET a = 1\")",
    "from alembic import context\nif not context.is_offline_mode():\n    op.get_bind().scalar(None)",
    '"""Changes nothing: UPDATE users."""\nassert op.get_context().as_sql  # UPDATE users',
]
SAFE = {
    "postgresql": [
        (
            "with op.get_context().autocommit_block():\n"
            '    op.execute("SET statement_timeout = 0")\n'
            '    op.create_index("ix", "users", ["name"], postgresql_concurrently=True,'
            " if_not_exists=True)"
        ),
        (
            "with op.get_context().autocommit_block():\n"
            '    op.drop_index("ix", postgresql_concurrently=True, if_exists=True)'
        ),
        'op.create_check_constraint("ck", "users", "a > 1", postgresql_not_valid=True)',
        (
            'op.create_foreign_key("fk", "users", "teams", ["team_id"], ["id"],'
            " postgresql_not_valid=True)"
        ),
        'op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck")',
        (
            'op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck")\n'
            'op.alter_column("users", "name", nullable=False)\n'
            'op.drop_constraint("ck", "users")'
        ),
        'op.execute("ALTER TABLE users ADD CONSTRAINT uq UNIQUE USING INDEX ix")',
        'op.execute("ALTER TABLE users ADD CONSTRAINT pk PRIMARY KEY USING INDEX ix")',
    ],
    "sqlite": [
        'op.create_index("ix_users_name", "users", ["name"], unique=True)',
        'op.drop_index("ix_users_name", "users")',
        (
            'op.create_table("teams", sa.Column("id", sa.Integer(), primary_key=True))\n'
            'op.add_column("teams", sa.Column("name", sa.String(9), nullable=False))\n'
            'with op.batch_alter_table("teams") as batch:\n    batch.drop_column("name")\n'
            'op.drop_table("teams")'
        ),
    ],
}
