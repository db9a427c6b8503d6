-- One row per isolated customer organisation.
SELECT
    id,
    name,
    time_zone,
    send_time,
    locale,
    currency,
    inactivity_days,
    sender_name,
    sender_email,
    reply_to,
    brand_color,
    logo_url,
    website,
    postal_address,
    active
FROM tenants
