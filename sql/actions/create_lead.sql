-- Adds a lead; without a name or an e-mail address it has those of the customer that the campaign concerns.
-- optional: name, email, origin
-- types: name text, email text, origin text
INSERT INTO leads (id, tenant_id, customer_id, name, email, origin, status, created_at)
VALUES (
    :new_id,
    :tenant_id,
    :customer_id,
    coalesce(:name, (SELECT c.name FROM customers AS c WHERE c.id = :customer_id AND c.tenant_id = :tenant_id)),
    coalesce(:email, (SELECT c.email FROM customers AS c WHERE c.id = :customer_id AND c.tenant_id = :tenant_id)),
    coalesce(:origin, 'automation'),
    'new',
    :now
)
