-- One row: the shop.
SELECT
    1 AS id,
    'Second Spin Records' AS name,
    'America/New_York' AS time_zone,
    '10:00' AS send_time,
    'en-US' AS locale,
    'USD' AS currency,
    90 AS inactivity_days,
    'Second Spin Records' AS sender_name,
    'hello@secondspin.example.com' AS sender_email,
    CAST(NULL AS VARCHAR) AS reply_to,
    '#7a2048' AS brand_color,
    CAST(NULL AS VARCHAR) AS logo_url,
    'https://secondspin.example.com' AS website,
    '12 Vinyl Street, New York NY 10001' AS postal_address,
    true AS active
