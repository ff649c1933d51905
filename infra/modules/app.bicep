// The app on Container Apps. `kind: functionapp` makes the platform scale by the queues, so there are no
// scale rules here.

@description('Name of the Container Apps environment.')
param environmentName string

@description('Name of the app.')
param name string

@description('Region of both.')
param location string

@description('Tags of both.')
param tags object

@description('The image; empty starts a placeholder.')
param image string

@description('Identity of the app.')
param identityId string

@description('A further identity, which may attach verdicts to images; empty for none.')
param attachIdentityId string

@description('Role that reads the app\'s settings, for the audit of its registry; empty for none.')
param postureRoleId string

@description('Principal that is given that role.')
param posturePrincipalId string

@description('Settings that are no secret: objects of name and value.')
param settings array

@description('Where each secret is, by the setting that takes it.')
param secretUris object

@description('Where secrets are that are not the template\'s, up to their names.')
param secretsUri string

@description('Names of such secrets, by the setting that takes them.')
param routeSecrets object

@description('Registry that the image is pulled from.')
param loginServer string

@description('Log Analytics workspace.')
param workspaceName string

@description('Subnet to run in; empty for none.')
param subnetId string

@description('Whether the webhook must be reachable from the internet.')
param public bool

@description('Instances that always run.')
param minimumInstances int

@description('Instances at most.')
param maximumInstances int

var port = 8080
var placeholder = 'mcr.microsoft.com/azure-functions/dotnet8-quickstart-demo:1.0'
var plain = concat(settings, [{ name: 'ASPNETCORE_URLS', value: 'http://+:${port}' }])
var identities = union(
  { '${identityId}': {} },
  empty(attachIdentityId) ? {} : { '${attachIdentityId}': {} }
)
var routeUris = [
  for secret in items(routeSecrets): {
    key: secret.key
    value: '${secretsUri}${secret.value}'
  }
]
var secrets = concat(items(secretUris), routeUris)
var fromVault = [
  for secret in secrets: {
    name: secret.key
    secretRef: toLower(replace(secret.key, '_', '-'))
  }
]

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

resource surroundings 'Microsoft.App/managedEnvironments@2025-01-01' = {
  name: environmentName
  location: location
  tags: tags
  properties: {
    // Through a diagnostic setting: the other way would need the workspace's key.
    appLogsConfiguration: { destination: 'azure-monitor' }
    vnetConfiguration: empty(subnetId)
      ? null
      : {
          infrastructureSubnetId: subnetId
          internal: !public
        }
    workloadProfiles: [{ name: 'Consumption', workloadProfileType: 'Consumption' }]
    zoneRedundant: !empty(subnetId)
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'pushscan'
  scope: surroundings
  properties: {
    workspaceId: workspace.id
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
  }
}

resource app 'Microsoft.App/containerApps@2025-07-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'scanner' })
  kind: 'functionapp'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: identities
  }
  properties: {
    environmentId: surroundings.id
    workloadProfileName: 'Consumption'
    configuration: {
      activeRevisionsMode: 'Single'
      ingress: {
        external: public
        targetPort: port
        transport: 'http'
        allowInsecure: false
      }
      registries: [{ server: loginServer, identity: identityId }]
      secrets: [
        for secret in secrets: {
          name: toLower(replace(secret.key, '_', '-'))
          keyVaultUrl: secret.value
          identity: identityId
        }
      ]
    }
    template: {
      // A scan ends by itself before this; the host takes no new job meanwhile.
      terminationGracePeriodSeconds: 600
      containers: [
        {
          name: 'scanner'
          image: empty(image) ? placeholder : image
          resources: { cpu: 2, memory: '4Gi' }
          env: concat(plain, fromVault)
          probes: [
            {
              type: 'Startup'
              tcpSocket: { port: port }
              periodSeconds: 5
              failureThreshold: 48
            }
            {
              type: 'Liveness'
              tcpSocket: { port: port }
              periodSeconds: 30
              failureThreshold: 3
            }
          ]
        }
      ]
      scale: {
        minReplicas: minimumInstances
        maxReplicas: maximumInstances
      }
    }
  }
}

// The registry takes tokens for Azure Resource Manager because the app pulls with one: the audit must see that.
resource auditing 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(postureRoleId)) {
  name: guid(app.id, posturePrincipalId, 'posture')
  scope: app
  properties: {
    principalId: posturePrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: postureRoleId
  }
}

@description('The app\'s public host name.')
output host string = app.properties.configuration.ingress.fqdn
