// The registry with every control of the profile. Azure says no to a customer-managed key later on.

@description('Name of the registry.')
param name string

@description('Region of the registry.')
param location string

@description('Tags of the registry.')
param tags object

@description('SKU; anything but Premium has no network rules, private endpoints or key of one\'s own.')
@allowed(['Basic', 'Standard', 'Premium'])
param sku string

@description('How far the network is closed.')
@allowed(['open', 'firewall', 'private'])
param profile string

@description('Address ranges that `firewall` lets in.')
param allowedIpRanges array

@description('Roles on the registry, or with conditions on repositories.')
@allowed(['LegacyRegistryPermissions', 'AbacRepositoryPermissions'])
param roleMode string

@description('Days after which untagged manifests are deleted; 0 keeps them. Premium only.')
param untaggedDays int

@description('Identity that may use the key; empty for Microsoft\'s own key.')
param keyIdentityId string

@description('Client id of that identity.')
param keyIdentityClientId string

@description('The key, without a version.')
param keyUri string

var premium = sku == 'Premium'
var ownKey = !empty(keyUri)
var ipRules = [
  for range in (profile == 'firewall' ? allowedIpRanges : []): {
    action: 'Allow'
    value: range
  }
]

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: sku }
  identity: ownKey
    ? {
        type: 'UserAssigned'
        userAssignedIdentities: { '${keyIdentityId}': {} }
      }
    : { type: 'None' }
  properties: {
    adminUserEnabled: false
    anonymousPullEnabled: false
    dataEndpointEnabled: premium
    publicNetworkAccess: profile == 'private' ? 'Disabled' : 'Enabled'
    networkRuleBypassOptions: profile == 'private' ? 'None' : 'AzureServices'
    networkRuleBypassAllowedForTasks: false
    networkRuleSet: premium
      ? {
          defaultAction: profile == 'open' ? 'Allow' : 'Deny'
          ipRules: ipRules
        }
      : null
    encryption: ownKey
      ? {
          status: 'enabled'
          keyVaultProperties: {
            identity: keyIdentityClientId
            keyIdentifier: keyUri
          }
        }
      : null
    policies: {
      // Container Apps and App Service pull by identity with a token for Azure Resource Manager alone.
      azureADAuthenticationAsArmPolicy: { status: 'enabled' }
      exportPolicy: { status: profile == 'private' ? 'disabled' : 'enabled' }
      retentionPolicy: premium
        ? {
            days: untaggedDays
            status: untaggedDays == 0 ? 'disabled' : 'enabled'
          }
        : null
    }
    roleAssignmentMode: roleMode
    zoneRedundancy: premium ? 'Enabled' : null
  }
}

@description('The registry\'s resource id.')
output id string = registry.id
