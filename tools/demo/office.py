"""Names in Microsoft 365: applications, sign-in errors, mail folders, cmdlet parameters and directory properties."""

# fmt: off
APPLICATIONS = (
    ("Office365 Shell WCSS-Client",        "89bee1f7-5e6e-4d8a-9f3d-ecd601259da7"),
    ("Office 365 Exchange Online",         "00000002-0000-0ff1-ce00-000000000000"),
    ("Office 365 SharePoint Online",       "00000003-0000-0ff1-ce00-000000000000"),
    ("Microsoft Teams",                    "1fec8e78-bce4-4aaf-ab1b-5451cc387264"),
    ("OneDrive SyncEngine",                "ab9b8c07-8f02-4f72-87fa-80105867a763"),
    ("Azure Portal",                       "c44b4083-3bb0-49c1-b47d-974e53cbdf3c"),
    ("Microsoft Graph",                    "00000003-0000-0000-c000-000000000000"),
)
LOGON_ERRORS = (
    ("InvalidUserNameOrPassword", "50126"), ("InvalidUserNameOrPassword", "50126"),
    ("UserAccountNotFound", "50034"), ("IdsLocked", "50053"), ("UserStrongAuthClientAuthNRequiredInterrupt", "50074"),
    ("BlockedByConditionalAccess", "53003"), ("InvalidPasswordExpiredPassword", "50055"),
)
MAIL_FOLDERS = ("\\Inbox", "\\Inbox", "\\Sent Items", "\\Deleted Items", "\\Archive", "\\Drafts")
PARAMETERS = (
    ("Identity", "contoso.onmicrosoft.example\\Default"), ("Force", "True"), ("DomainController", "AM0PR07A01DC001.EURPR07A001.prod.outlook.example"),
    ("ErrorAction", "Stop"), ("WarningAction", "SilentlyContinue"), ("IgnoreDehydratedFlag", "True"), ("AuditEnabled", "True"),
    ("AuditLogAgeLimit", "90.00:00:00"), ("DeliverToMailboxAndForward", "False"), ("HiddenFromAddressListsEnabled", "False"),
    ("MaxSendSize", "35 MB (36,700,160 bytes)"), ("MaxReceiveSize", "36 MB (37,748,736 bytes)"), ("ProhibitSendQuota", "49.5 GB (53,150,220,288 bytes)"),
    ("ProhibitSendReceiveQuota", "50 GB (53,687,091,200 bytes)"), ("IssueWarningQuota", "49 GB (52,613,349,376 bytes)"),
    ("RecoverableItemsQuota", "30 GB (32,212,254,720 bytes)"), ("RetainDeletedItemsFor", "14.00:00:00"), ("SingleItemRecoveryEnabled", "True"),
    ("RoleAssignmentPolicy", "Default Role Assignment Policy"), ("SharingPolicy", "Default Sharing Policy"), ("RetentionPolicy", "Default MRM Policy"),
    ("AuditOwner", "Update, MoveToDeletedItems, SoftDelete, HardDelete, UpdateFolderPermissions, UpdateInboxRules"),
    ("AuditDelegate", "Update, SoftDelete, HardDelete, SendAs, Create, UpdateFolderPermissions"), ("Languages", "en-US"),
    ("AddressBookPolicy", "Contoso Address Book"), ("EmailAddressPolicyEnabled", "True"), ("LitigationHoldEnabled", "False"),
    ("MessageCopyForSentAsEnabled", "True"), ("UMDtmfMap", "emailAddress:2677; lastNameFirstName:2677; firstNameLastName:2677"),
    ("ThrottlingPolicy", "GlobalThrottlingPolicy"), ("ExternalOofOptions", "External"), ("CalendarVersionStoreDisabled", "False"),
)
PROPERTIES = (
    ("AccountEnabled", "[\r\n  true\r\n]", "[\r\n  false\r\n]"), ("Department", '[\r\n  "Finance"\r\n]', '[\r\n  "Sales"\r\n]'),
    ("UsageLocation", '[\r\n  "DE"\r\n]', "[]"), ("Role.DisplayName", '"Exchange Administrator"', ""),
    ("Role.ObjectID", '"b1be1c3e-b65d-4f19-8427-f6fa0d97feb9"', ""), ("Role.TemplateId", '"29232cdf-9323-42fd-ade2-1d097af3e4de"', ""),
    ("Role.WellKnownObjectName", '"ExchangeServiceAdmins"', ""), ("Included Updated Properties", "AccountEnabled, Department, UsageLocation", ""),
    ("TargetId.UserType", "Member", ""), ("DisplayName", '[\r\n  "Reporting"\r\n]', "[]"), ("AvailableToOtherTenants", "[\r\n  false\r\n]", "[]"),
    ("AppAddress", '[\r\n  {\r\n    "AddressType": 0,\r\n    "Address": "https://reporting.contoso.example/signin",\r\n    "ReplyAddressClientType": 1\r\n  }\r\n]', "[]"),
    ("RequiredResourceAccess", '[\r\n  {\r\n    "ResourceAppId": "00000003-0000-0000-c000-000000000000",\r\n    "RequiredAppPermissions": [\r\n      {\r\n        "EntitlementId": "e1fe6dd8-ba31-4d61-89e7-88639da4683d",\r\n        "DirectAccessGrant": false\r\n      }\r\n    ]\r\n  }\r\n]', "[]"),
    ("KeyDescription", '[\r\n  "[KeyIdentifier=0000ca5b-0000-4000-a000-00000000c0de,KeyType=Password,KeyUsage=Verify,DisplayName=deploy]"\r\n]', "[]"),
    ("ConsentContext.IsAdminConsent", "True", ""), ("ConsentContext.OnBehalfOfAll", "True", ""), ("ConsentContext.Tags", "WindowsAzureActiveDirectoryIntegratedApp", ""),
    ("ConsentAction.Permissions", "[] => [[Id: 0000ca5b, ClientId: 0000ca5b-0000-4000-a000-000000000010, PrincipalId: , ResourceId: 0000ca5b-0000-4000-a000-000000000011, ConsentType: AllPrincipals, Scope: User.Read Files.Read.All offline_access]]; ", ""),
    ("ServicePrincipal.AppId", "0000ca5b-0000-4000-a000-000000000010", ""), ("ServicePrincipal.Name", "Reporting", ""),
    ("DelegatedPermissionGrant.Scope", "User.Read Files.Read.All offline_access", ""), ("DelegatedPermissionGrant.ConsentType", "AllPrincipals", ""),
    ("Group.DisplayName", "All finance", ""), ("Group.ObjectID", "0000ca5b-0000-4000-a000-000000000020", ""), ("StsRefreshTokensValidFrom", '[\r\n  "2025-01-01T08:00:00Z"\r\n]', "[]"),
    ("StrongAuthenticationMethod", '[\r\n  {\r\n    "MethodType": 6,\r\n    "Default": true\r\n  },\r\n  {\r\n    "MethodType": 7,\r\n    "Default": false\r\n  }\r\n]', "[]"),
)
# fmt: on
