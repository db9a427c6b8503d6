-- One row: the company whose pipeline this is.
SELECT
    1 AS id,
    'Prairie Computer Systems' AS name,
    'America/Chicago' AS time_zone,
    '09:00' AS send_time,
    'en-US' AS locale,
    'USD' AS currency,
    60 AS inactivity_days,
    'Prairie Computer Systems' AS sender_name,
    'sales@prairie.example.com' AS sender_email,
    CAST(NULL AS VARCHAR) AS reply_to,
    '#1f5f8b' AS brand_color,
    CAST(NULL AS VARCHAR) AS logo_url,
    'https://prairie.example.com' AS website,
    '1 Prairie Road, Chicago IL 60601' AS postal_address,
    true AS active
